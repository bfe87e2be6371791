"""The packaged template: the same stack as that of template.yaml, in plain CloudFormation."""

import json
import subprocess
import sys
from pathlib import Path

import package
import pytest
import sam
import template

FUNCTIONS = ("deploy", "heal", "migrate", "snapshot")
BOTH = {
    architecture: {function: f"{function}-{architecture}-{index:016x}.zip" for index, function in enumerate(FUNCTIONS)}
    for architecture in ("arm64", "x86_64")
}


@pytest.fixture(scope="module")
def both():
    return template.packaged(BOTH, "1.2.3")


def test_it_needs_no_transform(both):
    assert "Transform" not in both
    assert not [it["Type"] for it in both["Resources"].values() if it["Type"].startswith("AWS::Serverless")]
    # Service-managed stack sets take neither macros nor nested stacks.
    assert "Fn::Transform" not in json.dumps(both)
    assert "AWS::CloudFormation::Stack" not in {it["Type"] for it in both["Resources"].values()}


def test_nothing_but_the_code_is_different_from_what_sam_deploys(both):
    expanded = sam.expand(sam.load())
    assert set(both["Resources"]) == set(expanded["Resources"])
    changed = set()
    for name, resource in both["Resources"].items():
        ours, sams = json.loads(json.dumps(resource)), json.loads(json.dumps(expanded["Resources"][name]))
        if ours["Type"] == "AWS::Lambda::Function":
            changed.add(name)
            del ours["Properties"]["Code"], sams["Properties"]["Code"]
            sams.pop("Metadata", None)
        assert ours == sams, name
    assert changed == set(sam.functions(sam.load()))
    for section in ("Outputs", "Rules"):
        assert both[section] == expanded[section], section


def test_parameters_are_those_of_the_template_and_three_for_the_zips(both):
    source = sam.load()["Parameters"]
    assert set(both["Parameters"]) == set(source) | {"ArtifactBucket", "ArtifactPrefix", "ArtifactBucketPerRegion"}
    assert {name: both["Parameters"][name] for name in source} == source
    grouped = [name for group in both["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(both["Parameters"])


def test_each_function_names_its_own_zip_for_each_architecture(both):
    for logical, function in sam.functions(sam.load()).items():
        code = both["Resources"][logical]["Properties"]["Code"]
        choice = {"Fn::If": ["ArchitectureIsArm", BOTH["arm64"][function], BOTH["x86_64"][function]]}
        assert code["S3Key"] == {"Fn::Join": ["", [{"Ref": "ArtifactPrefix"}, choice]]}
    assert both["Conditions"]["ArchitectureIsArm"] == {"Fn::Equals": [{"Ref": "Architecture"}, "arm64"]}


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_a_package_of_one_architecture_offers_no_other(architecture):
    one = template.packaged({architecture: BOTH[architecture]}, "1.2.3")
    assert one["Parameters"]["Architecture"]["AllowedValues"] == [architecture]
    assert one["Parameters"]["Architecture"]["Default"] == architecture
    assert "ArchitectureIsArm" not in json.dumps(one)


def test_the_template_of_a_release_names_the_zips_beside_it(dist):
    written = (dist / package.TEMPLATE).read_text()
    for path in dist.glob("*.zip"):
        assert written.count(path.name) == 1, path.name
    assert len(list(dist.glob("*.zip"))) == len(FUNCTIONS)


def test_two_runs_write_the_same_bytes():
    code = (
        "import sys; sys.path.insert(0, 'packaging'); import json, template; "
        f"print(template.text(template.packaged(json.loads('''{json.dumps(BOTH)}'''), '1.2.3')))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=sam.ROOT,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 50_000


def test_a_template_that_cloudformation_would_not_take_is_not_written(both):
    """51,200 bytes may be sent with a call, 1 MB read from S3. This one is read from S3."""
    assert 51_200 < len(template.text(both)) < template.LARGEST
    with pytest.raises(ValueError, match="CloudFormation takes"):
        template.text(both | {"Description": "x" * template.LARGEST})


def test_the_linter_finds_nothing_in_it(both, tmp_path):
    path = tmp_path / "steward.template.json"
    path.write_text(template.text(both))
    buckets = sam.ROOT / "packaging/stackset/artifacts.yaml"
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([linter, "--", path, buckets], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
