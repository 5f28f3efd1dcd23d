rule strip:
    input:
        scan=plan.files("t1", "brain_mask", raw=True),
    output:
        "results/cohorts/{cohort}/{participant}/mri/brain/provenance.json",
    log:
        "logs/cohorts/{cohort}/strip-{participant}.log",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=20,
        mem_mb=6000,
    params:
        code=plan.code_hash("strip"),
        lineage=plan.lineage("strip"),
        flags=plan.strip_flags,
        out=subpath(output[0], parent=True),
    shell:
        "python workflow/scripts/strip.py {params.flags} --out {params.out:q} 2>&1 | tee -a {log:q}"


rule register:
    input:
        volumes="results/cohorts/{cohort}/{participant}/volumes/provenance.json",
        brain="results/cohorts/{cohort}/{participant}/mri/brain/provenance.json",
        scan=plan.registration_files,
    output:
        provenance="results/cohorts/{cohort}/{participant}/mri/registered/provenance.json",
        picture=report(
            "results/cohorts/{cohort}/{participant}/mri/registered/check.png",
            category="Cohort",
            subcategory="Registration",
            caption="../report/registration.rst",
            labels={"participant": "{participant}"},
        ),
    log:
        "logs/cohorts/{cohort}/register-{participant}.log",
    group:
        "participant"
    conda:
        "../../envs/mrsi-sr.yaml"
    resources:
        runtime=30,
        mem_mb=4000,
    params:
        code=plan.code_hash("register"),
        lineage=plan.lineage("register"),
        flags=plan.registration_flags,
        volumes=subpath(input.volumes, parent=True),
        brain=subpath(input.brain, parent=True),
        out=subpath(output.provenance, parent=True),
    shell:
        "python workflow/scripts/register.py --volumes {params.volumes:q} --brain {params.brain:q} {params.flags}"
        " --out {params.out:q} 2>&1 | tee -a {log:q}"
