"""placeholder until merged"""
def fill(values, valid, support):
    raise NotImplementedError
