rule folds:
    output:
        "results/{experiment}/folds.csv",
    log:
        "logs/{experiment}/folds.log",
    localrule: True
    conda:
        "../../envs/mrsi-sr.yaml"
    params:
        code=plan.code_hash("folds"),
        participants=plan.participants,
        settings=plan.fold_settings,
    shell:
        "python workflow/scripts/folds.py --participants {params.participants} --settings {params.settings:q}"
        " --out {output:q} 2>&1 | tee -a {log:q}"
