// Package test holds the end-to-end tests: real programs, unchanged, against real servers on hosts of their own, bare and
// under sallyport. The tests with "/bare" in their names need no sallyport: they say what the programs do by themselves,
// which is what sallyport has to keep to.
package test
