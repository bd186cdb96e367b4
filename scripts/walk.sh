#!/usr/bin/env bash
# Browser walks: Playwright on Debian's Chromium against a console and two rehearsal nodes of their own.
source "$(dirname "$0")/common.sh"
cd end2end
[[ -d node_modules ]] || step "Playwright" env PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
npx playwright test "$@"
