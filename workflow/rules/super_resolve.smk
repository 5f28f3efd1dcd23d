rule super_resolve:
    input:
        networks=plan.new_scans.networks,
        scan=plan.new_scans.files,
    output:
        "results/scans/{scan}/provenance.json",
    log:
        "logs/scans/super_resolve-{scan}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    threads: 2
    resources:
        gpu=1,
        runtime="4h",
        mem_mb=8000,
    params:
        code=plan.code_hash("super_resolve"),
        lineage=plan.lineage("super_resolve"),
        flags=plan.new_scans.scan_flags,
        networks=plan.new_scans.networks_folder,
    shell:
        "python workflow/scripts/super_resolve.py {params.flags} --networks {params.networks:q} --threads {threads}"
        " --out results/scans 2>&1 | tee -a {log:q}"


rule scans_page:
    input:
        plan.new_scans.results(),
    output:
        "results/scans/index.html",
    log:
        "logs/scans/scans_page.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("scans_page"),
        lineage=plan.lineage("scans_page"),
        folders=lambda wildcards, input: [str(Path(file).parent) for file in input],
    shell:
        "python workflow/scripts/scans_page.py --scans {params.folders:q} --out {output:q} 2>&1 | tee -a {log:q}"
