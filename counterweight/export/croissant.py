"""The dataset as Croissant metadata, version 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec.html)."""

import json
from pathlib import Path

from counterweight.export.contents import Contents
from counterweight.export.formats.base import Format, Json

CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""As the specification has it, appendix 1: short names of what else are addresses."""


def write_croissant(contents: Contents, format_: Format, description: str, folder: Path) -> None:
    """Write `croissant.json` into a folder that has the images: its files, and a record set for each split.

    Who made the dataset, when it is published, and its licence are for whoever publishes it.
    """
    described: Json = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": contents.name,
        "description": description,
        "version": "1.0.0",
        "keywords": ["image classification", "class imbalance", "synthetic images"],
        "distribution": format_.describe_files(contents, folder),
        "recordSet": [describe_classes(contents)]
        + [
            {
                "@type": "cr:RecordSet",
                "@id": split.name,
                "name": split.name,
                "description": f"{len(split)} images",
                "field": format_.describe_records(split),
            }
            for split in contents.splits
        ],
    }
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    (folder / "croissant.json").write_text(text, encoding="utf-8")


def describe_classes(contents: Contents) -> Json:
    """Return the record set of the classes: their numbers and names."""
    kinds = {"label": "sc:Integer", "class_name": "sc:Text"}
    fields = [
        {"@type": "cr:Field", "@id": f"classes/{key}", "name": key, "dataType": kind} for key, kind in kinds.items()
    ]
    data = [{"classes/label": label, "classes/class_name": name} for label, name in enumerate(contents.class_names)]
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "names of the labels",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/label"},
        "field": fields,
        "data": data,
    }
