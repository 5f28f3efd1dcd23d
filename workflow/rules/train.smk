rule train:
    input:
        inventory="results/{experiment}/inventory.csv",
        folds="results/{experiment}/folds.csv",
        needs=plan.needed_networks,
    output:
        "results/{experiment}/fold-{fold}/networks/{network}/provenance.json",
    log:
        "logs/{experiment}/fold-{fold}/train-{network}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    threads: 2
    resources:
        gpu=1,
        runtime="8h",
        mem_mb=16000,
    params:
        code=plan.code_hash("train"),
        lineage=plan.lineage("train"),
        slices=plan.slices,
        settings=plan.network_settings,
        sizes=plan.training_sizes,
        protocol=plan.protocol,
        low_resolution=plan.low_resolution_flags,
        fold=plan.fold,
        seed=plan.seed,
        needs=plan.needs_flags,
        out=subpath(output[0], parent=True),
        checkpoint_every=plan.untracked(plan.checkpoint_every),
    shell:
        "python workflow/scripts/train.py --settings {params.settings:q} --slices {params.slices:q}"
        " --folds {input.folds:q} --fold {params.fold} --protocol {params.protocol}"
        " {params.low_resolution} --sizes {params.sizes}"
        " --seed {params.seed} {params.needs} --checkpoint-every {params.checkpoint_every} --threads {threads}"
        " --out {params.out:q} 2>&1 | tee -a {log:q}"
