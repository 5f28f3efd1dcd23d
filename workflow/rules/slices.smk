rule slices:
    input:
        volumes="results/cohorts/{cohort}/{participant}/volumes/provenance.json",
        mask="results/cohorts/{cohort}/{participant}/mask/provenance.json",
        scan=plan.files("t1", "flair", "brain_mask", "lesion"),
    output:
        "results/cohorts/{cohort}/{participant}/slices.npz",
    log:
        "logs/cohorts/{cohort}/slices-{participant}.log",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=3000,
    params:
        code=plan.code_hash("slices"),
        lineage=plan.lineage("slices"),
        metabolites=plan.metabolites,
        unit=plan.unit,
        settings=plan.settings("slices"),
        flags=plan.file_flags("t1", "flair", "brain_mask", "lesion"),
        volumes=subpath(input.volumes, parent=True),
        mask=subpath(input.mask, parent=True),
    shell:
        "python workflow/scripts/slices.py --participant {wildcards.participant} --volumes {params.volumes:q}"
        " --mask {params.mask:q} --metabolites={params.metabolites:q} --unit={params.unit:q} {params.flags}"
        " --settings {params.settings:q} --out {output:q} 2>&1 | tee -a {log:q}"


rule cohort_summary:
    input:
        slices=plan.all_slices(),
        volumes=plan.cohort_files("volumes/provenance.json"),
    output:
        report("results/cohorts/{cohort}/summary.csv", category="Cohort", caption="../report/cohort.rst"),
    log:
        "logs/cohorts/{cohort}/summary.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("cohort_summary"),
        lineage=plan.lineage("cohort_summary"),
        folders=plan.scan_folders,
        excluded=plan.excluded,
    shell:
        "python workflow/scripts/cohort_summary.py --cohort {params.folders:q} --excluded {params.excluded:q}"
        " --out {output:q} 2>&1 | tee -a {log:q}"
