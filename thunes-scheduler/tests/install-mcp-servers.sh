#!/usr/bin/env bash
# Installs the real MCP servers that tests marked "needs MCP servers" talk to, into ./tools/mcp. What is there already
# is left alone. Needs npm (with node) and python3 with venv; says what is missing where it cannot.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
command -v npm >/dev/null || missing+=("npm: Node.js 20 or later (Debian: npm)")
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=("python3 with venv (Debian: python3-venv)")
if [ "${#missing[@]}" -gt 0 ]; then
    printf 'missing: %s\n' "${missing[@]}" >&2
    exit 1
fi

folder=$PWD/tools/mcp
node=(
    @modelcontextprotocol/server-everything@2026.8.31
    @modelcontextprotocol/server-filesystem@2026.8.31
    @modelcontextprotocol/server-memory@2026.8.31
    @modelcontextprotocol/server-sequential-thinking@2026.8.31
    @perplexity-ai/mcp-server@1.2.1
    @upstash/context7-mcp@4.1.1
)
python=(
    mcp-server-fetch==2026.10.24
    mcp-server-git==2026.10.19
    mcp-server-sqlite==2025.4.25
    mcp-server-time==2026.10.19
)
wanted=$(printf '%s\n' "${node[@]}" "${python[@]}")
if [ -f "$folder/installed" ] && [ "$(cat "$folder/installed")" = "$wanted" ]; then
    exit 0
fi
mkdir -p "$folder"
npm install --no-audit --no-fund --loglevel=error --prefix "$folder" "${node[@]}"
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check "${python[@]}"
printf '%s\n' "$wanted" >"$folder/installed"
