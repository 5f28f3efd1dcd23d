# Proper scores, coverage and conformal intervals of one method's ensembles in one fold.
rule calibrate:
    input:
        samples=plan.calibration_samples,
        inventory="results/{experiment}/inventory.csv",
        lpips=plan.lpips.index,
    output:
        "results/{experiment}/fold-{fold}/calibration/{method}/provenance.json",
    log:
        "logs/{experiment}/fold-{fold}/calibrate-{method}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=60,
        mem_mb=4000,
    params:
        code=plan.code_hash("calibrate"),
        lineage=plan.lineage("calibrate"),
        samples=plan.calibration_flags,
        slices=plan.slices,
        metrics=plan.metrics,
        settings=plan.intervals,
        fold=plan.fold,
        seed=plan.seed,
        protocol=plan.protocol,
        lpips=lambda wildcards, input: [f"--lpips-weights={path}" for path in input.lpips],
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/calibrate.py {params.samples} --slices {params.slices:q}"
        " --experiment {wildcards.experiment} --fold {params.fold} --seed {params.seed} --method {wildcards.method}"
        " --protocol {params.protocol} --metrics {params.metrics} --settings {params.settings:q} {params.lpips:q}"
        " --out {params.out:q} 2>&1 | tee -a {log:q}"


# Tables and figure of all methods and folds together.
rule calibration_report:
    input:
        plan.calibration_records,
    output:
        "results/{experiment}/calibration/provenance.json",
    log:
        "logs/{experiment}/calibration-report.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=4000,
    params:
        code=plan.code_hash("calibration_report"),
        lineage=plan.lineage("calibration_report"),
        settings=plan.calibration_settings,
        calibrations=plan.calibration_folders,
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/calibration_report.py --calibrations {params.calibrations:q}"
        " --settings {params.settings:q} --out {params.out:q} 2>&1 | tee -a {log:q}"
