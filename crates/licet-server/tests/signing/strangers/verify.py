"""Verifies documents with PyJWT. Reads {"jwks": URL, "documents": [flattened JWS, ...]}, and writes
the payload of each, or null if it does not fit."""

import json
import sys

import jwt


def payload(client, document):
    token = ".".join(document[part] for part in ("protected", "payload", "signature"))
    try:
        key = client.get_signing_key_from_jwt(token)
        return json.loads(jwt.PyJWS().decode(token, key, algorithms=[key.algorithm_name]))
    except jwt.PyJWTError:
        return None


task = json.load(sys.stdin)
client = jwt.PyJWKClient(task["jwks"])
json.dump([payload(client, document) for document in task["documents"]], sys.stdout)
