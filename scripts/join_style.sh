#!/usr/bin/env bash
# Joins the stylesheets, in the order of their layers, into target/site/pkg/trainyard.css.
source "$(dirname "$0")/common.sh"
mkdir -p $site/pkg
{
  cat style/layers.css style/tokens*.css style/base.css style/layout.css style/components.css
  for room in style/rooms/*.css; do [[ ! -e $room ]] || cat "$room"; done
} >$site/pkg/trainyard.css.new
cp style/icon.svg $site/pkg/icon.svg
# Only a changed file gets a new time, so that its compressed twin is not made again.
if cmp -s $site/pkg/trainyard.css.new $site/pkg/trainyard.css; then
  rm $site/pkg/trainyard.css.new
else
  mv $site/pkg/trainyard.css.new $site/pkg/trainyard.css
fi
