"""Pages: one self-contained HTML file from a template, style sheets, modules and data. No network, no build step."""
