rule probe:
    input:
        networks=plan.trained_networks,
        inventory="results/{experiment}/inventory.csv",
        folds="results/{experiment}/folds.csv",
    output:
        "results/{experiment}/fold-{fold}/probes/{probe}/{method}/provenance.json",
    log:
        "logs/{experiment}/fold-{fold}/probe-{probe}-{method}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    threads: 2
    resources:
        gpu=1,
        runtime="4h",
        mem_mb=8000,
    params:
        code=plan.code_hash("probe"),
        lineage=plan.lineage("probe"),
        slices=plan.slices,
        low_resolution=plan.low_resolution,
        settings=plan.method_settings,
        weights=plan.weight_flags,
        networks=plan.networks_of_method,
        probe=plan.probes.settings,
        sizes=plan.probes.sizes,
        fold=plan.fold,
        seed=plan.seed,
        protocol=plan.protocol,
        out=subpath(output[0], parent=True),
        batch_size=plan.untracked(plan.sampling_batch),
    shell:
        "python workflow/scripts/probe.py --method {wildcards.method} --settings {params.settings:q}"
        " --probe {params.probe:q} --network-settings {params.networks:q} {params.weights}"
        " --slices {params.slices:q} --low-resolution {params.low_resolution:q} --folds {input.folds:q}"
        " --fold {params.fold} --seed {params.seed} --protocol {params.protocol} --sizes {params.sizes}"
        " --batch-size {params.batch_size} --threads {threads} --out {params.out:q} 2>&1 | tee -a {log:q}"


rule probe_table:
    input:
        plan.probes.findings,
    output:
        csv="results/{experiment}/probes/{probe}.csv",
        md="results/{experiment}/probes/{probe}.md",
        tex="results/{experiment}/probes/{probe}.tex",
        rows="results/{experiment}/probes/{probe}.parquet",
        curves=report(
            "results/{experiment}/probes/{probe}-curves.png",
            category="Probes",
            subcategory="{experiment}",
            caption="../report/probes.rst",
            labels={"probe": "{probe}", "kind": "curves"},
        ),
        curves_pdf="results/{experiment}/probes/{probe}-curves.pdf",
        examples=report(
            "results/{experiment}/probes/{probe}-examples.png",
            category="Probes",
            subcategory="{experiment}",
            caption="../report/probes.rst",
            labels={"probe": "{probe}", "kind": "examples"},
        ),
        examples_pdf="results/{experiment}/probes/{probe}-examples.pdf",
    log:
        "logs/{experiment}/probe_table-{probe}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=4000,
    params:
        code=plan.code_hash("probe_table"),
        lineage=plan.lineage("probe_table"),
        settings=plan.probes.table_settings,
        findings=plan.probes.folders,
    shell:
        "python workflow/scripts/probe_table.py --findings {params.findings:q} --settings {params.settings:q}"
        " --out-csv {output.csv:q} --out-md {output.md:q} --out-tex {output.tex:q} --out-rows {output.rows:q}"
        " --out-curves-png {output.curves:q} --out-curves-pdf {output.curves_pdf:q}"
        " --out-examples-png {output.examples:q} --out-examples-pdf {output.examples_pdf:q} 2>&1 | tee -a {log:q}"
