rule losses:
    input:
        networks=plan.networks_of_fold,
    output:
        report(
            "results/{experiment}/fold-{fold}/losses.png",
            category="Training",
            subcategory="{experiment}",
            caption="../report/losses.rst",
            labels={"fold": "{fold}"},
        ),
    log:
        "logs/{experiment}/fold-{fold}/losses.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("losses"),
        lineage=plan.lineage("losses"),
        folders=lambda wildcards, input: [str(Path(file).parent) for file in input.networks],
    shell:
        "python workflow/scripts/losses.py --networks {params.folders:q}"
        " --title 'Experiment {wildcards.experiment}, fold {wildcards.fold}' --out {output:q} 2>&1 | tee -a {log:q}"


rule compare:
    input:
        metrics=plan.metric_files,
        provenance=plan.metric_provenance,
    output:
        csv="results/{experiment}/tables/{table}.tests.csv",
        md="results/{experiment}/tables/{table}.tests.md",
        tex="results/{experiment}/tables/{table}.tests.tex",
    log:
        "logs/{experiment}/compare-{table}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=4000,
    params:
        code=plan.code_hash("compare"),
        lineage=plan.lineage("compare"),
        settings=plan.table_settings,
    shell:
        "python workflow/scripts/compare.py --metrics {input.metrics:q} --provenance {input.provenance:q}"
        " --settings {params.settings:q} --out-csv {output.csv:q} --out-md {output.md:q} --out-tex {output.tex:q}"
        " 2>&1 | tee -a {log:q}"


rule table:
    input:
        metrics=plan.metric_files,
        provenance=plan.metric_provenance,
    output:
        csv="results/{experiment}/tables/{table}.csv",
        md="results/{experiment}/tables/{table}.md",
        tex="results/{experiment}/tables/{table}.tex",
    log:
        "logs/{experiment}/table-{table}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=4000,
    params:
        code=plan.code_hash("table"),
        lineage=plan.lineage("table"),
        settings=plan.table_settings,
    shell:
        "python workflow/scripts/table.py --metrics {input.metrics:q} --provenance {input.provenance:q}"
        " --settings {params.settings:q} --out-csv {output.csv:q} --out-md {output.md:q} --out-tex {output.tex:q}"
        " 2>&1 | tee -a {log:q}"


rule shown_maps:
    input:
        samples=plan.figure_samples,
        metrics=plan.figure_scores,
        provenance=plan.figure_records,
        inventory="results/{experiment}/inventory.csv",
    output:
        "results/{experiment}/figures/shown/{figure}.npz",
    log:
        "logs/{experiment}/shown-maps-{figure}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=4000,
    params:
        code=plan.code_hash("shown_maps"),
        lineage=plan.lineage("shown_maps"),
        settings=plan.shown_settings,
        samples=plan.figure_folders,
        slices=plan.slices,
        low_resolution=plan.low_resolution,
    shell:
        "python workflow/scripts/shown_maps.py --samples {params.samples:q} --metrics {input.metrics:q}"
        " --provenance {input.provenance:q} --slices {params.slices:q} --low-resolution {params.low_resolution:q}"
        " --settings {params.settings:q} --out {output:q} 2>&1 | tee -a {log:q}"


rule figure:
    input:
        plan.figure_content,
    output:
        png="results/{experiment}/figures/{figure}.png",
        pdf="results/{experiment}/figures/{figure}.pdf",
    log:
        "logs/{experiment}/figure-{figure}.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=4000,
    params:
        code=plan.code_hash("figure"),
        lineage=plan.lineage("figure"),
        settings=plan.figure_settings,
        content=plan.figure_flags,
    shell:
        "python workflow/scripts/figure.py {params.content} --settings {params.settings:q} --out-png {output.png:q}"
        " --out-pdf {output.pdf:q} 2>&1 | tee -a {log:q}"


rule evidence:
    input:
        tables=plan.numbers(),
        figures=plan.figures(),
        published="workflow/published.yaml",
    output:
        report("results/evidence.md", category="Evidence", caption="../report/evidence.rst"),
    log:
        "logs/evidence.log",
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        code=plan.code_hash("evidence"),
        lineage=plan.lineage("evidence"),
    shell:
        "python workflow/scripts/evidence.py --published {input.published:q} --tables {input.tables:q}"
        " --figures {input.figures:q} --out {output:q} 2>&1 | tee -a {log:q}"
