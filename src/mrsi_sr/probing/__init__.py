"""Probing of a method with lesions that are known: planted, erased, shown by MRI alone, and another person's MRI."""
