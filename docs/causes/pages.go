// Package causes holds the page of each cause of a failed connection, for people to read here and for
// `sallyport explain` to show. The file NAME.md is the page of the cause NAME; its first line is
// "# NAME: TITLE".
package causes

import "embed"

// Pages are the files NAME.md.
//
//go:embed *.md
var Pages embed.FS
