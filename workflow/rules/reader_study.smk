rule reader_study:
    input:
        samples=plan.reader_studies.samples,
        inventory="results/{experiment}/inventory.csv",
    output:
        page="results/{experiment}/reader_study/{study}/page.html",
        key="results/{experiment}/reader_study/{study}/key.csv",
        methods="results/{experiment}/reader_study/{study}/methods.md",
    log:
        "logs/{experiment}/reader_study-{study}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=4000,
    params:
        code=plan.code_hash("reader_study"),
        lineage=plan.lineage("reader_study"),
        settings=plan.reader_studies.settings,
        samples=plan.reader_studies.folders,
        slices=plan.slices,
    shell:
        "python workflow/scripts/reader_study.py --samples {params.samples:q} --slices {params.slices:q}"
        " --settings {params.settings:q} --out-page {output.page:q} --out-key {output.key:q}"
        " --out-methods {output.methods:q} 2>&1 | tee -a {log:q}"


# Reads what people gave, and the keys that are kept: neither samples nor networks are needed any more.
rule reader_ratings:
    input:
        ratings=plan.reader_studies.ratings,
        key_of_page=plan.reader_studies.keys,
    output:
        table="results/{experiment}/reader_study/{study}/analysis/ratings.csv",
        completeness="results/{experiment}/reader_study/{study}/analysis/completeness.csv",
        agreement=report(
            "results/{experiment}/reader_study/{study}/analysis/agreement.csv",
            category="Reader studies",
            subcategory="{experiment}",
            caption="../report/agreement.rst",
            labels={"study": "{study}", "kind": "agreement"},
        ),
        png=report(
            "results/{experiment}/reader_study/{study}/analysis/figure.png",
            category="Reader studies",
            subcategory="{experiment}",
            caption="../report/ratings.rst",
            labels={"study": "{study}", "kind": "scores"},
        ),
        pdf="results/{experiment}/reader_study/{study}/analysis/figure.pdf",
    log:
        "logs/{experiment}/reader_ratings-{study}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("reader_ratings"),
        lineage=plan.lineage("reader_ratings"),
        settings=plan.reader_studies.settings,
    shell:
        "python workflow/scripts/reader_ratings.py --ratings {input.ratings:q} --keys {input.key_of_page:q}"
        " --settings {params.settings:q} --out-table {output.table:q} --out-completeness {output.completeness:q}"
        " --out-agreement {output.agreement:q} --out-png {output.png:q} --out-pdf {output.pdf:q} 2>&1 | tee -a {log:q}"
