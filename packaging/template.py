"""The packaged template: plain CloudFormation, without SAM's transform, whose functions are zips in a bucket."""

import copy
import json

import sam

# CloudFormation takes a template of this many bytes from S3.
LARGEST = 1_000_000

PARAMETERS = {
    "ArtifactBucket": {
        "Type": "String",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "ConstraintDescription": "must be the name of a bucket",
        "Description": "Bucket with the zips of the functions. Lambda reads them from the stack's own region alone.",
    },
    "ArtifactPrefix": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^(|[A-Za-z0-9_./-]{0,200}/)$",
        "ConstraintDescription": "must be empty or end in /",
        "Description": "What stands before the names of the zips in the bucket, such as steward/. Empty means the top of the bucket.",
    },
    "ArtifactBucketPerRegion": {
        "Type": "String",
        "Default": "false",
        "AllowedValues": ["true", "false"],
        "Description": (
            "With true, - and the name of the region are appended to ArtifactBucket, so that one set of parameters serves all "
            "regions of a stack set."
        ),
    },
}

_GROUP = {"Label": {"default": "Artifacts"}, "Parameters": list(PARAMETERS)}
_BUCKET = {
    "Fn::If": [
        "ArtifactBucketIsPerRegion",
        {"Fn::Sub": "${ArtifactBucket}-${AWS::Region}"},
        {"Ref": "ArtifactBucket"},
    ]
}


def _key(names):
    """The key of one function's zip; `names` gives the name of the zip for each architecture that was packaged."""
    if len(names) == 1:
        (name,) = names.values()
    else:
        name = {"Fn::If": ["ArchitectureIsArm", names["arm64"], names["x86_64"]]}
    return {"Fn::Join": ["", [{"Ref": "ArtifactPrefix"}, name]]}


def packaged(zips, version, source=None):
    """The template as a dictionary.

    `zips[architecture][function]` is the name of a zip. It carries a hash of what is in it: CloudFormation looks for new
    code when the key is another one, and only then. `source` is the SAM template, template.yaml unless given.
    """
    source = copy.deepcopy(source or sam.load())
    names = sam.functions(source)
    expanded = sam.expand(source)
    for logical, function in names.items():
        resource = expanded["Resources"][logical]
        resource["Properties"]["Code"] = {
            "S3Bucket": _BUCKET,
            "S3Key": _key({architecture: names_of[function] for architecture, names_of in zips.items()}),
        }
        # How SAM built it is nobody's business any more, and names a folder that is not there.
        resource.pop("Metadata", None)
    conditions = {"ArtifactBucketIsPerRegion": {"Fn::Equals": [{"Ref": "ArtifactBucketPerRegion"}, "true"]}}
    if len(zips) > 1:
        conditions["ArchitectureIsArm"] = {"Fn::Equals": [{"Ref": "Architecture"}, "arm64"]}
    expanded["Conditions"] = conditions | expanded["Conditions"]
    expanded["Parameters"] = PARAMETERS | expanded["Parameters"]
    architecture = expanded["Parameters"]["Architecture"]
    architecture["AllowedValues"] = [known for known in architecture["AllowedValues"] if known in zips]
    if architecture["Default"] not in zips:
        (architecture["Default"],) = zips
    expanded["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].insert(0, _GROUP)
    expanded["Description"] = f"{expanded['Description']} Version {version}."
    return expanded


def text(template):
    """JSON and not YAML: no value can be read as another type. The same template gives the same bytes."""
    written = json.dumps(template, indent=1, ensure_ascii=True) + "\n"
    if len(written) > LARGEST:
        raise ValueError(f"CloudFormation takes {LARGEST} bytes, and these are {len(written)}")
    return written
