// Package diagnosis sets what sallyport reports of provoked failures beside what strace and the program itself say of the same ones.
// scripts/diagnosis prints the table.
package diagnosis
