# The script of both tables' scans is check.py: `check` is the target that asks for the table of all.
rule check_scan:
    input:
        scan=plan.scan_files,
        images=plan.checked_images,
    output:
        "results/cohorts/{cohort}/{participant}/check.json",
    log:
        "logs/cohorts/{cohort}/check-{participant}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=30,
        mem_mb=3000,
    params:
        code=plan.code_hash("check_scan"),
        lineage=plan.lineage("check_scan"),
        flags=plan.check_flags,
    shell:
        "python workflow/scripts/check.py {params.flags} --out {output:q} >> {log:q} 2>&1"


rule check_new_scan:
    input:
        scan=plan.new_scans.files,
    output:
        "results/checks/{scan}.json",
    log:
        "logs/scans/check-{scan}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=30,
        mem_mb=3000,
    params:
        code=plan.code_hash("check_new_scan"),
        lineage=plan.lineage("check_new_scan"),
        flags=plan.new_scans.check_flags,
    shell:
        "python workflow/scripts/check.py {params.flags} --out {output:q} >> {log:q} 2>&1"


# Its lines are what `snakemake check` is asked for: they are printed on the terminal.
rule check_table:
    input:
        plan.checks(),
    output:
        "results/cohorts/{cohort}/check.csv",
    log:
        "logs/cohorts/{cohort}/check.log",
    localrule: True
    conda:
        "../../envs/mrsi-sr.yaml"
    params:
        code=plan.code_hash("check_table"),
        lineage=plan.lineage("check_table"),
    shell:
        "python workflow/scripts/check_table.py --checks {input:q} --out {output:q} 2>&1 | tee -a {log:q}"
