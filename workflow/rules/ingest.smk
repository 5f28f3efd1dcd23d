rule ingest:
    input:
        scan=plan.scan_files,
    output:
        "results/cohorts/{cohort}/{participant}/volumes/provenance.json",
    log:
        "logs/cohorts/{cohort}/ingest-{participant}.log",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=60,
        mem_mb=2000,
    params:
        code=plan.code_hash("ingest"),
        lineage=plan.lineage("ingest"),
        flags=plan.ingest_flags,
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/ingest.py {params.flags} --out {params.out:q} 2>&1 | tee -a {log:q}"
