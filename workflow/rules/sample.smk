rule sample:
    input:
        networks=plan.trained_networks,
        inventory="results/{experiment}/inventory.csv",
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
        code=plan.code_hash("sample"),
        lineage=plan.lineage("sample"),
        slices=plan.slices,
        low_resolution=plan.low_resolution,
        settings=plan.method_settings,
        weights=plan.weight_flags,
        networks=plan.networks_of_method,
        sizes=plan.evaluation_sizes,
        fold=plan.fold,
        protocol=plan.protocol,
        out=subpath(output[0], parent=True),
        batch_size=plan.untracked(plan.sampling_batch),
    shell:
        "python workflow/scripts/sample.py --method {wildcards.method} --settings {params.settings:q}"
        " --network-settings {params.networks:q} {params.weights} --slices {params.slices:q}"
        " --low-resolution {params.low_resolution:q} --folds {input.folds:q} --fold {params.fold}"
        " --protocol {params.protocol} --sizes {params.sizes} --batch-size {params.batch_size} --threads {threads}"
        " --out {params.out:q} 2>&1 | tee -a {log:q}"
