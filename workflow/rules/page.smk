from mrsi_sr.workflow import pages


# The checklist for artificial intelligence in medical imaging, filled in as far as the records tell.
rule claim:
    input:
        provenance=plan.claim_records,
        folds="results/{experiment}/folds.csv",
        summary=plan.cohort_summary(),
    output:
        "results/{experiment}/claim.md",
    log:
        "logs/{experiment}/claim.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("claim"),
        lineage=plan.lineage("claim"),
        settings=plan.claim_settings,
    shell:
        "python workflow/scripts/claim.py --provenance {input.provenance:q} --folds {input.folds:q}"
        " --summary {input.summary:q} --settings {params.settings:q} --out {output:q} 2>&1 | tee -a {log:q}"


# GPU hours, CPU hours and energy of each method and fold, as far as the records tell.
rule cost:
    input:
        provenance=plan.cost_records,
        networks=plan.cost_networks,
    output:
        csv="results/{experiment}/costs.csv",
        md="results/{experiment}/costs.md",
    log:
        "logs/{experiment}/cost.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("cost"),
        lineage=plan.lineage("cost"),
        settings=plan.cost_settings,
    shell:
        "python workflow/scripts/cost.py --provenance {input.provenance:q} --networks {input.networks:q}"
        " --settings {params.settings:q} --out-csv {output.csv:q} --out-md {output.md:q} 2>&1 | tee -a {log:q}"


# The report's viewer cuts tall pictures and shows no tables: each has a page of its own there.
rule page:
    input:
        plan.page_pictures,
        plan.page_texts,
    output:
        report(
            "results/{experiment}/pages/{page}.html",
            category=pages.category,
            subcategory=pages.subcategory,
            caption="../report/page.rst",
            labels=pages.labels,
        ),
    log:
        "logs/{experiment}/page-{page}.log",
    localrule: True
    conda:
        "../../envs/mrsi-sr.yaml"
    params:
        code=plan.code_hash("page"),
        lineage=plan.lineage("page"),
        title=plan.page_title,
        shown=plan.page_flags,
    shell:
        "python workflow/scripts/page.py --title {params.title:q} {params.shown} --out {output:q} 2>&1 | tee -a {log:q}"
