rule mask:
    input:
        volumes="results/cohorts/{cohort}/{participant}/volumes/provenance.json",
        scan=plan.files("brain_mask", "t1"),
        maps=plan.external_maps,
    output:
        "results/cohorts/{cohort}/{participant}/mask/provenance.json",
    log:
        "logs/cohorts/{cohort}/mask-{participant}.log",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=3000,
    params:
        code=plan.code_hash("mask"),
        lineage=plan.lineage("mask"),
        settings=plan.settings("quality"),
        flags=plan.file_flags("brain_mask", "t1"),
        volumes=subpath(input.volumes, parent=True),
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/mask.py --volumes {params.volumes:q} {params.flags} --settings {params.settings:q}"
        " --out {params.out:q} 2>&1 | tee -a {log:q}"


rule montage:
    input:
        volumes="results/cohorts/{cohort}/{participant}/volumes/provenance.json",
        mask="results/cohorts/{cohort}/{participant}/mask/provenance.json",
        scan=plan.files("brain_mask", "t1"),
        maps=plan.external_maps,
    output:
        report(
            "results/cohorts/{cohort}/{participant}/mask.png",
            category="Cohort",
            subcategory="Quality masks",
            caption="../report/mask.rst",
            labels={"participant": "{participant}"},
        ),
    log:
        "logs/cohorts/{cohort}/montage-{participant}.log",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=10,
        mem_mb=3000,
    params:
        code=plan.code_hash("montage"),
        lineage=plan.lineage("montage"),
        unit=plan.unit,
        settings=plan.settings("quality"),
        flags=plan.file_flags("brain_mask", "t1"),
        volumes=subpath(input.volumes, parent=True),
        mask=subpath(input.mask, parent=True),
    shell:
        "python workflow/scripts/montage.py --volumes {params.volumes:q} --mask {params.mask:q} {params.flags}"
        " --unit={params.unit:q} --settings {params.settings:q} --out {output:q} 2>&1 | tee -a {log:q}"
