# A folder of an experiment's networks that can be given to other sites, and that super_resolve takes.
rule hand_over:
    input:
        networks=plan.networks_handed_over,
        inventory="results/{experiment}/inventory.csv",
        folds="results/{experiment}/folds.csv",
    output:
        "results/{experiment}/hand_over/provenance.json",
    log:
        "logs/{experiment}/hand_over.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=30,
        mem_mb=4000,
    params:
        code=plan.code_hash("hand_over"),
        lineage=plan.lineage("hand_over"),
        settings=plan.hand_over_settings,
        networks=plan.hand_over_flags,
        scans=plan.scans_of_experiment,
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/hand_over.py --settings {params.settings:q} --networks {params.networks}"
        " --scans {params.scans:q} --folds {input.folds:q} --out {params.out:q} 2>&1 | tee -a {log:q}"
