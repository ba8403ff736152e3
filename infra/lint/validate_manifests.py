"""Checks Kubernetes manifests against schemas, strictly: a field that is not known is an error.

    validate_manifests.py VERSION MANIFESTS.yaml CRD_FOLDER...
"""

import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml


def strict(schema):
    """A CRD's schema; objects take the fields that are named, and no others."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and "type" in made:
        if not made.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


def crds(folders):
    for folder in folders:
        for path in Path(folder).glob("*.yaml"):
            crd = yaml.safe_load(path.read_text())
            for version in crd["spec"]["versions"]:
                key = f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]
                schema = strict(version["schema"]["openAPIV3Schema"])
                # The server's own, of which a CRD says nothing.
                schema["properties"]["metadata"] = {"type": "object"}
                yield key, schema


def main(version, manifests, *folders):
    known = dict(crds(folders))
    documents = [one for one in yaml.safe_load_all(Path(manifests).read_text()) if one]
    wrong = []
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        schema = known.get((document["apiVersion"], document["kind"]))
        try:
            if schema is None:
                kubernetes_validate.validate(document, version, strict=True)
            else:
                jsonschema.Draft7Validator(schema).validate(document)
        except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
            wrong.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message[:300]}")
        except kubernetes_validate.SchemaNotFoundError as error:
            wrong.append(f"{name}: {error.message}")
    for line in wrong:
        print(f"{Path(manifests).name}: {line}", file=sys.stderr)
    if wrong or not documents:
        sys.exit(1)
    print(f"{Path(manifests).name}: {len(documents)} manifests are valid for Kubernetes {version}")


main(*sys.argv[1:])
