rule truncate:
    input:
        slices="results/cohorts/{cohort}/{participant}/slices.npz",
    output:
        "results/cohorts/{cohort}/{participant}/low_resolution-{protocol}.npz",
    log:
        "logs/cohorts/{cohort}/truncate-{participant}-{protocol}.log",
    wildcard_constraints:
        protocol="paper|clean",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("truncate"),
        lineage=plan.lineage("truncate"),
        sizes=plan.cohort_sizes,
    shell:
        "python workflow/scripts/truncate.py --slices {input.slices:q} --sizes {params.sizes}"
        " --protocol {wildcards.protocol} --out {output:q} 2>&1 | tee -a {log:q}"


rule truncate_refitted:
    input:
        slices="results/cohorts/{cohort}/{participant}/slices.npz",
        scans=plan.refitted_files,
    output:
        "results/cohorts/{cohort}/{participant}/low_resolution-clean-refitted.npz",
    log:
        "logs/cohorts/{cohort}/truncate-{participant}-refitted.log",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("truncate_refitted"),
        lineage=plan.lineage("truncate_refitted"),
        folder=plan.refitted_folder,
    shell:
        "python workflow/scripts/truncate.py --slices {input.slices:q} --refitted {params.folder:q} --protocol clean"
        " --out {output:q} 2>&1 | tee -a {log:q}"


# What an experiment's networks and methods depend on is this one small file, not two files of every participant.
rule inventory:
    input:
        slices=plan.slices,
        low_resolution=plan.low_resolution,
    output:
        "results/{experiment}/inventory.csv",
    log:
        "logs/{experiment}/inventory.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=2000,
    params:
        code=plan.code_hash("inventory"),
        lineage=plan.lineage("inventory"),
    shell:
        "python workflow/scripts/inventory.py --slices {input.slices:q} --low-resolution {input.low_resolution:q}"
        " --out {output:q} 2>&1 | tee -a {log:q}"
