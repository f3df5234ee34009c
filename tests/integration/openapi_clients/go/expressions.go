// Says which texts each expression matches, by RE2.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
)

func main() {
	var given struct{ Patterns, Texts []string }
	content, err := os.ReadFile("expressions.json")
	if err == nil {
		err = json.Unmarshal(content, &given)
	}
	if err != nil {
		panic(err)
	}
	decided := [][][]bool{{}}
	for _, pattern := range given.Patterns {
		expression, row := regexp.MustCompile(pattern), []bool{}
		for _, text := range given.Texts {
			row = append(row, expression.MatchString(text))
		}
		decided[0] = append(decided[0], row)
	}
	told, _ := json.Marshal(decided)
	fmt.Println(string(told))
}
