"""Images for moto's ECR."""

import hashlib
import json

from events import ACCOUNT, REGION

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def sha256(text):
    """A digest that stands for this text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def push(ecr, build, *tags):
    """Puts an image into the repository `backend`; gives its digest. Moto makes that of the layers, so each build has its own."""
    blob = {"mediaType": "application/octet-stream", "size": 1, "digest": sha256(build)}
    config = blob | {"mediaType": "application/vnd.docker.container.image.v1+json"}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [blob]})
    put = [ecr.put_image(repositoryName="backend", imageManifest=manifest, imageTag=tag) for tag in tags]
    return put[-1]["image"]["imageId"]["imageDigest"]
