package report

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/diagnose"
)

// TestReadableFrames: of places without names in one file, the first is enough.
func TestReadableFrames(t *testing.T) {
	place := func(file string) diagnose.Frame { return diagnose.Frame{File: file} }
	line := diagnose.Frame{File: "a.c", Line: 3, Function: "f"}
	named := diagnose.Frame{File: "lib.so+0x30", Function: "f"}
	got := readableFrames([]diagnose.Frame{
		place("lib.so+0x10"), place("lib.so+0x20"), named, place("lib.so+0x40"), place("app+0x10"), place("app+0x20"), line, line, line,
	})
	want := []diagnose.Frame{place("lib.so+0x10"), named, place("lib.so+0x40"), place("app+0x10"), line, line}
	if !slices.Equal(got, want) {
		t.Errorf("\ngot  %+v\nwant %+v", got, want)
	}
}
