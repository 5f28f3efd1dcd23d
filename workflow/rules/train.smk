rule train:
    input:
        code=code_of("workflow/scripts/train.py"),
        slices=plan.slices,
        folds="results/{experiment}/folds.csv",
        needs=plan.needed_weights,
    output:
        best="results/{experiment}/fold-{fold}/networks/{network}.best.safetensors",
        last="results/{experiment}/fold-{fold}/networks/{network}.last.safetensors",
        losses="results/{experiment}/fold-{fold}/networks/{network}.losses.csv",
        curve=report(
            "results/{experiment}/fold-{fold}/networks/{network}.losses.png",
            category="Training",
            subcategory="{experiment}",
            caption="../report/losses.rst",
            labels={"network": "{network}", "fold": "{fold}"},
        ),
        provenance="results/{experiment}/fold-{fold}/networks/{network}.provenance.json",
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
        settings=plan.network_settings,
        sizes=plan.training_sizes,
        protocol=plan.protocol,
        seed=plan.seed,
        needs=plan.needs_flags,
        checkpoint_every=plan.untracked(plan.checkpoint_every),
    shell:
        "python workflow/scripts/train.py --settings {params.settings:q} --slices {input.slices:q}"
        " --folds {input.folds:q} --fold {wildcards.fold} --protocol {params.protocol} --sizes {params.sizes}"
        " --seed {params.seed} {params.needs} --checkpoint-every {params.checkpoint_every} --threads {threads}"
        " --weights {output.best:q} --last {output.last:q}"
        " --losses {output.losses:q} --curve {output.curve:q} --provenance {output.provenance:q} 2>&1 | tee -a {log:q}"
