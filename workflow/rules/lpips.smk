# Weights of the LPIPS networks, once for all evaluations. A download without a network is no failure: weights.json,
# which evaluations read, then says why LPIPS is not available.
rule lpips_weights:
    input:
        plan.lpips.sources,
    output:
        index="results/lpips/weights.json",
        provenance="results/lpips/provenance.json",
    log:
        "logs/lpips_weights.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=30,
        mem_mb=2000,
    params:
        code=plan.code_hash("lpips_weights"),
        lineage=plan.lineage("lpips_weights"),
        content=plan.lpips.content,
        flags=plan.untracked(plan.lpips.flags),
        out=subpath(output.index, parent=True),
    shell:
        "python workflow/scripts/lpips_weights.py {params.flags} --out {params.out:q} 2>&1 | tee -a {log:q}"
