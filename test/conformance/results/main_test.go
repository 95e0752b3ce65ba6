package main

import "testing"

func TestReplace(t *testing.T) {
	const table = "| a |\n|---|\n| 1 |\n"
	for name, page := range map[string]string{
		"no table yet":  "# Page\n\n" + marker + "\nText.\n\nMore.\n",
		"another table": "# Page\n\n" + marker + "| b |\n|---|\n\nText.\n\nMore.\n",
	} {
		want := "# Page\n\n" + marker + table + "\nText.\n\nMore.\n"
		if got, ok := replace(page, table); !ok || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, ok, want)
		}
	}
	for name, page := range map[string]string{
		"no marker":               "# Page\n",
		"text after the marker":   marker + "Text.\n",
		"nothing after the table": marker + table,
	} {
		if got, ok := replace(page, table); ok {
			t.Errorf("%s: replaced by %q", name, got)
		}
	}
}
