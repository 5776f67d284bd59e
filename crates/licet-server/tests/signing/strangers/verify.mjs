// Verifies documents with jose. Reads {"jwks": URL, "documents": [flattened JWS, ...]}, and writes
// the payload of each, or null if it does not fit.
import { readFileSync } from 'node:fs'
import { createRemoteJWKSet, errors, flattenedVerify } from 'jose'

const { jwks, documents } = JSON.parse(readFileSync(0, 'utf8'))
const keys = createRemoteJWKSet(new URL(jwks))

async function payload(document) {
  try {
    const verified = await flattenedVerify(document, keys)
    return JSON.parse(new TextDecoder().decode(verified.payload))
  } catch (error) {
    if (error instanceof errors.JOSEError) return null
    throw error
  }
}

const payloads = []
for (const document of documents) payloads.push(await payload(document))
process.stdout.write(JSON.stringify(payloads))
