rule folds:
    input:
        code=code_of("workflow/scripts/folds.py"),
        participants=plan.cohort["participants"],
    output:
        "results/{experiment}/folds.csv",
    log:
        "logs/{experiment}/folds.log",
    localrule: True
    conda:
        "../../envs/mrsi-sr.yaml"
    params:
        only=plan.participants,
        settings=plan.fold_settings,
    shell:
        "python workflow/scripts/folds.py --participants {input.participants:q} --only {params.only}"
        " --settings {params.settings:q} --out {output:q} 2>&1 | tee -a {log:q}"
