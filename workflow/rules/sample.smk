rule sample:
    input:
        code=code_of("workflow/scripts/sample.py"),
        weights=plan.weights,
        slices=plan.slices,
        low_resolution=plan.low_resolution,
        folds="results/{experiment}/folds.csv",
    output:
        directory("results/{experiment}/fold-{fold}/samples/{method}"),
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
        batch_size=plan.untracked(plan.sampling_batch),
    shell:
        "python workflow/scripts/sample.py --method {wildcards.method} --settings {params.settings:q}"
        " --network-settings {params.networks:q} {params.weights} --slices {input.slices:q} --low-resolution {input.low_resolution:q} --folds {input.folds:q}"
        " --fold {wildcards.fold} --protocol {params.protocol} --sizes {params.sizes}"
        " --batch-size {params.batch_size} --threads {threads}"
        " --out {output:q} 2>&1 | tee -a {log:q}"
