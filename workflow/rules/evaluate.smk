rule evaluate:
    input:
        samples="results/{experiment}/fold-{fold}/samples/{method}/provenance.json",
        inventory="results/{experiment}/inventory.csv",
        lpips=plan.lpips.index,
    output:
        metrics="results/{experiment}/fold-{fold}/metrics/{method}.parquet",
        provenance="results/{experiment}/fold-{fold}/metrics/{method}.provenance.json",
    log:
        "logs/{experiment}/fold-{fold}/evaluate-{method}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=60,
        mem_mb=4000,
    params:
        code=plan.code_hash("evaluate"),
        lineage=plan.lineage("evaluate"),
        slices=plan.slices,
        metrics=plan.metrics,
        fold=plan.fold,
        seed=plan.seed,
        protocol=plan.protocol,
        lpips=lambda wildcards, input: [f"--lpips-weights={path}" for path in input.lpips],
        samples=subpath(input.samples, parent=True),
    shell:
        "python workflow/scripts/evaluate.py --samples {params.samples:q} --slices {params.slices:q}"
        " --experiment {wildcards.experiment} --fold {params.fold} --seed {params.seed} --method {wildcards.method}"
        " --protocol {params.protocol} --metrics {params.metrics}"
        " {params.lpips:q} --out {output.metrics:q} --provenance {output.provenance:q}"
        " 2>&1 | tee -a {log:q}"
