package profile_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport/sallyport/profile"
	"go.yaml.in/yaml/v3"
)

// TestSchema keeps docs/profile.schema.json in step with Parse: what Parse reads the schema allows, and what the schema
// can express it rejects as Parse does.
func TestSchema(t *testing.T) {
	data, err := os.ReadFile("../docs/profile.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	s := schema{root}
	valid := map[string]string{"full": full, "small": small}
	for _, name := range profile.Builtins() {
		p, _ := profile.Builtin(name)
		out, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		valid[name] = string(out)
	}
	for name, text := range valid {
		if err := s.check(root, document(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{
		"addresses", "destinations", "environment", "except", "layers", "missing-fields", "name-number", "names", "no-header",
		"no-values", "other-kind", "ports", "protocols", "reasons", "timeouts", "verdicts", "wrong-shapes",
		"wrong-shapes-in-rules",
	} {
		text, err := os.ReadFile(filepath.Join("testdata/bad", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if s.check(root, document(t, string(text))) == nil {
			t.Errorf("the schema allows %s.yaml", name)
		}
	}
}

func document(t *testing.T, text string) (v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// schema is as much of JSON Schema 2020-12 as the profile's schema uses. A keyword that it does not know
// is an error, so that none is passed over.
type schema struct{ root map[string]any }

func (s schema) check(rules map[string]any, v any) error {
	for keyword, arg := range rules {
		if err := s.keyword(rules, keyword, arg, v); err != nil {
			return err
		}
	}
	return nil
}

func (s schema) keyword(rules map[string]any, keyword string, arg, v any) error {
	object, _ := v.(map[string]any)
	array, _ := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	ok := true
	switch keyword {
	case "$schema", "$id", "$defs", "title", "description", "default":
	case "$ref":
		return s.check(s.root["$defs"].(map[string]any)[strings.TrimPrefix(arg.(string), "#/$defs/")].(map[string]any), v)
	case "type":
		ok = map[string]bool{
			"object": object != nil, "array": array != nil, "string": isText,
			"integer": isNumber && number == math.Trunc(number),
		}[arg.(string)]
	case "const":
		ok = reflect.DeepEqual(arg, v)
	case "enum":
		ok = slices.ContainsFunc(arg.([]any), func(e any) bool { return reflect.DeepEqual(e, v) })
	case "anyOf":
		ok = slices.ContainsFunc(arg.([]any), func(e any) bool { return s.check(e.(map[string]any), v) == nil })
	case "required":
		for _, name := range arg.([]any) {
			_, has := object[name.(string)]
			ok = ok && (has || object == nil)
		}
	case "properties":
		for name, rules := range arg.(map[string]any) {
			if field, has := object[name]; has {
				if err := s.check(rules.(map[string]any), field); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	case "additionalProperties":
		properties, _ := rules["properties"].(map[string]any)
		for name, field := range object {
			if _, known := properties[name]; known {
				continue
			}
			if rules, is := arg.(map[string]any); is {
				if err := s.check(rules, field); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				continue
			}
			return fmt.Errorf("%s is not allowed", name)
		}
	case "propertyNames":
		for name := range object {
			if err := s.check(arg.(map[string]any), name); err != nil {
				return err
			}
		}
	case "dependentSchemas":
		for name, rules := range arg.(map[string]any) {
			if _, has := object[name]; has {
				if err := s.check(rules.(map[string]any), v); err != nil {
					return err
				}
			}
		}
	case "items":
		for i, item := range array {
			if err := s.check(arg.(map[string]any), item); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "pattern":
		ok = !isText || utf8.ValidString(text) && regexp.MustCompile(arg.(string)).MatchString(text)
	case "minItems":
		ok = array == nil || len(array) >= int(arg.(float64))
	case "minProperties":
		ok = object == nil || len(object) >= int(arg.(float64))
	case "uniqueItems":
		for i := range array {
			for j := range i {
				ok = ok && !reflect.DeepEqual(array[i], array[j])
			}
		}
	case "minimum":
		ok = !isNumber || number >= arg.(float64)
	case "maximum":
		ok = !isNumber || number <= arg.(float64)
	default:
		return fmt.Errorf("the test does not know the keyword %s", keyword)
	}
	if !ok {
		return fmt.Errorf("%v: want %s %v", v, keyword, arg)
	}
	return nil
}
