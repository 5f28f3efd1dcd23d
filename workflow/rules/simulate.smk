rule simulate:
    output:
        "results/simulated/{participant}/provenance.json",
    log:
        "logs/simulate/{participant}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=3000,
    params:
        code=plan.code_hash("simulate"),
        settings=plan.phantom_settings,
        seed=plan.phantom_seed,
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/simulate.py --participant {wildcards.participant} --seed {params.seed}"
        " --settings {params.settings:q} --out {params.out:q} 2>&1 | tee -a {log:q}"
