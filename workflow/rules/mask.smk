rule mask:
    input:
        code=code_of("workflow/scripts/mask.py"),
        volumes="results/cohorts/{cohort}/{participant}/volumes",
        scan=plan.files("brain_mask", "t1"),
        maps=plan.external_maps,
    output:
        mask=directory("results/cohorts/{cohort}/{participant}/mask"),
        montage=report(
            "results/cohorts/{cohort}/{participant}/mask.png",
            category="Cohort",
            subcategory="Quality masks",
            caption="../report/mask.rst",
            labels={"participant": "{participant}"},
        ),
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
        unit=plan.cohort["unit"],
        settings=plan.settings("quality"),
        flags=plan.file_flags("brain_mask", "t1"),
    shell:
        "python workflow/scripts/mask.py --volumes {input.volumes:q} {params.flags} --unit {params.unit:q}"
        " --settings {params.settings:q} --out {output.mask:q} --montage {output.montage:q} 2>&1 | tee -a {log:q}"
