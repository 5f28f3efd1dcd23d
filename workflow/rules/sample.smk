rule sample:
    input:
        code=code_of("workflow/scripts/sample.py"),
        networks=plan.trained_networks,
        slices=plan.slices,
        low_resolution=plan.low_resolution,
        folds="results/{experiment}/folds.csv",
    output:
        "results/{experiment}/fold-{fold}/samples/{method}/provenance.json",
    log:
        "logs/{experiment}/fold-{fold}/sample-{method}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    threads: 2
    resources:
        gpu=1,
        runtime="4h",
        mem_mb=8000,
    params:
        settings=plan.method_settings,
        weights=plan.weight_flags,
        networks=plan.networks_of_method,
        sizes=plan.evaluation_sizes,
        protocol=plan.protocol,
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/sample.py --method {wildcards.method} --settings {params.settings:q}"
        " --network-settings {params.networks:q} {params.weights} --slices {input.slices:q}"
        " --low-resolution {input.low_resolution:q} --folds {input.folds:q} --fold {wildcards.fold}"
        " --protocol {params.protocol} --sizes {params.sizes} --threads {threads} --out {params.out:q} 2>&1 | tee -a {log:q}"
