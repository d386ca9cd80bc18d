use proptest::prelude::*;

use super::*;

#[test]
#[allow(clippy::too_many_lines)] // a list
fn text_that_is_no_table_is_told_by_its_kind() {
    for (expected, texts) in [
        (
            FileFormat::Sql,
            &[
                "-- dump\nCREATE TABLE t (id int, v text);\nINSERT INTO t VALUES (1, 'x, y');\nINSERT INTO t VALUES (2, 'z');\nCOMMIT;\n",
                "INSERT INTO t VALUES (1, 2, 3);\nINSERT INTO t VALUES (2, 3, 4);\n",
                "-- MySQL dump 10.13\n--\n/*!40101 SET NAMES utf8 */;\n\nDROP TABLE IF EXISTS `a`;\nCREATE TABLE `a` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`)\n);\nINSERT INTO `a` VALUES (1),(2),\n(3);\n",
                "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n\nCREATE TABLE public.a (\n    id integer\n);\n\nCOPY public.a (id, v) FROM stdin;\n1\ta\n2\tb\n\\.\n\nALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n",
                "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE a(x);\nINSERT INTO a VALUES(1);\nCOMMIT;\n",
                "USE [db]\nGO\nINSERT [dbo].[a] ([id]) VALUES (1)\nINSERT [dbo].[a] ([id]) VALUES (2)\nGO\n",
                "REM INSERTING into A\nSET DEFINE OFF;\nInsert into A (ID,NAME) values (1,'x');\nInsert into A (ID,NAME) values (2,'y');\n",
                "select a, b\nfrom t\nwhere a > 1;\n",
                "create table a (x int);\r\ninsert into a values (1);\r\n",
            ][..],
        ),
        (
            FileFormat::VCard,
            &[
                "BEGIN:VCARD\nVERSION:3.0\nN:Muster;Erika;;;\nEND:VCARD\n",
                "\nbegin:vcard\r\nversion:2.1\r\nend:vcard\r\n",
            ],
        ),
        (
            FileFormat::Calendar,
            &["BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART:20240101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"],
        ),
        (
            FileFormat::Mail,
            &[
                "Return-Path: <a@example.com>\nReceived: from x by y;\n\tMon, 1 Jan 2024\nFrom: A <a@example.com>\nSubject: Hi\n\nHello, there\n",
                "From: a@example.com\nTo: b@example.com\nSubject: Numbers\n\nDear all,\nhere they are.\n",
                "From a@example.com Mon Jan  1 00:00:00 2024\nFrom: a@example.com\nDate: x\nSubject: y\n\ntext\n",
                "MIME-Version: 1.0\nMessage-ID: <1@x>\nContent-Type: text/csv\n\na,b\n1,2\n3,4\n",
            ],
        ),
        (
            FileFormat::Yaml,
            &[
                "services:\n  web:\n    image: example/web:1.0\n    ports:\n      - 80:80\n    environment:\n      - A=1\n      - B=2\n",
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels:\n    app: a\nspec:\n  containers:\n  - name: a\n    image: b\n",
                "- name: a\n  age: 3\n- name: b\n  age: 4\n",
                "---\na: 1\nb: two words\n",
                "# CI\nname: test\non: [push]\njobs:\n  build:\n    steps:\n      - run: |\n          make, all\n          ls; cd x\n      - uses: a/b@v1\n",
                "- id: 1\n  title: One, two\n  tags: [a, b]\n- id: 2\n  title: Three, four\n  tags: [c, d]\n",
                "%YAML 1.2\n---\na: 1\nb:\n- 1\n- 2\n",
                "openapi: 3.0.0\ninfo:\n  title: \"A, B\"\n  description: >\n    Some, text; and\n    more\npaths:\n  /a:\n    get:\n      summary: x\n",
            ],
        ),
        (
            FileFormat::Settings,
            &[
                "[a]\nx=1\ny=2\n[b]\nz = 3\n",
                "Windows Registry Editor Version 5.00\n\n[HKEY_CURRENT_USER\\X]\n\"a\"=\"b\"\n",
                "; comment\n[Section One]\nkey=value\nother = a, b\n",
                "# x\nname = \"a\"\n\n[package]\nversion = \"1\"\nauthors = [\n  \"a\",\n  \"b\",\n]\n\n[[bin]]\npath = \"x\"\n",
                "[core]\n\teditor = vi\n\tbare = false\n[remote \"origin\"]\n\turl = x\n",
            ],
        ),
        (
            FileFormat::Script,
            &[
                "#!/bin/sh\necho a, b\n",
                "#! /usr/bin/env python3\nimport sys\n",
                "@echo off\r\ncd x\r\n",
                "<?php\necho 1;\n",
            ],
        ),
        (
            FileFormat::Diff,
            &[
                "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a,b\n-1,2\n+1,3\n",
                "--- a.csv\t2024\n+++ b.csv\t2024\n@@ -1 +1 @@\n-a,b\n+a,c\n",
                "2c2\n< 1,2\n---\n> 1,3\n",
            ],
        ),
        (
            FileFormat::SourceCode,
            &[
                "#include <stdio.h>\n#include \"a.h\"\n\nint main(void) {\n  printf(\"a, b\");\n  return 0;\n}\n",
                "import os\nfrom x import y\n\n\ndef f(a, b):\n    return a\n\n\nclass A:\n    pass\n",
                "package a.b;\n\nimport java.util.List;\n\npublic class A {\n  private int x;\n}\n",
                "import React from 'react';\n\nexport function A() {\n  const x = 1;\n  return x;\n}\n",
                "use std::io;\n\nfn main() {\n    let x = 1;\n}\n",
                "/* x */\n#include <stdio.h>\n\nint main(int argc, char **argv)\n{\n    return 0;\n}\n",
                "x <- read.csv('a.csv')\nf <- function(a, b) {\n  a + b\n}\nprint(f(1, 2))\n",
                "body {\n  margin: 0;\n}\n\n.a, .b {\n  padding: 1px 2px;\n}\n",
                "library(dplyr)\n\nf <- function(x) {\n  x + 1\n}\n",
            ],
        ),
        (
            FileFormat::Markdown,
            &[
                "# Title\n\nSome words, and more.\n\n## Use\n\n- a\n- b\n\n```sh\nmake, all\n```\n\nSee [there](x).\nEnd.\n",
            ],
        ),
        (
            FileFormat::Latex,
            &["\\documentclass{article}\n\\begin{document}\nx\n", "% c\n\\documentclass{a}\n\\begin{x}\n"],
        ),
        (FileFormat::PostScript, &["%!PS-Adobe-3.0\n%%Title: x\n"]),
        (
            FileFormat::Prose,
            &[
                "It was the best of times, it was the worst of times, it was the age\nof wisdom, it was the age of foolishness, it was the epoch of belief,\nit was the epoch of incredulity, it was the season of Light, it was the\nseason of Darkness. It was the spring of hope, it was the winter of\ndespair. We had everything before us, we had nothing before us, we were\nall going direct to Heaven.\n\nThere were a king with a large jaw and a queen with a plain face, on the\nthrone of England. There were a king with a large jaw and a queen with a\nfair face, on the throne of France.\n",
                "The first paragraph has a number of sentences, and some of them are long. This is the second sentence of it, which goes on for a while longer still.\n\nThe second paragraph is much like the first one, and has as many words. There is nothing in it that would be of use to anybody, and that is as it should be.\n\nThe third paragraph ends the text, after which there is none. It has two sentences as well, so that it is counted among the long ones of the text.\n",
            ],
        ),
    ] {
        for text in texts {
            assert_eq!(detect(text.as_bytes(), true), Some(expected), "{text}");
            let dos = text.replace("\r\n", "\n").replace('\n', "\r\n");
            assert_eq!(detect(dos.as_bytes(), true), Some(expected), "{dos:?}");
        }
    }
}

#[test]
fn tables_and_lists_stay_what_they_are() {
    for text in [
        "",
        "a",
        "a\n",
        "a,b\n1,2\n",
        "query,n\nSELECT a FROM t;,1\nINSERT INTO t VALUES (1);,2\n",
        "query\nSELECT a FROM t;\nSELECT b FROM t;\n",
        "\"INSERT INTO t VALUES (1);\",1\n\"INSERT INTO t VALUES (2);\",2\n",
        "select,from,where\na,b,c\nd,e,f\n",
        "Select your meal,Price\nSoup,3\nCake,4\n",
        "use,set,go\n1,2,3\n",
        "begin;end\n1;2\n3;4\n",
        "set\nred\nblue\n",
        "Update;State\nA;done;\nB;open;\n",
        "a;b;c;\n1;2;3;\n4;5;6;\n",
        "id,text\n1,\"key: value\nother:\n  - x\"\n",
        "key: value\nother: more\n",
        "a: 1\nb: 2\nc: 3\n",
        "name:age\nx:3\ny:4\n",
        "time,value\n00:00:01,2\n00:00:02,3\n",
        "[OrderID]\n1\n2\n",
        "[OrderID],[Name]\n1,a\n2,b\n",
        "[s];[C]\n1;2\n3;4\n",
        "[Header]\nIEM,4\n[Data]\nSample_ID,x\n1,2\n",
        "[a]\nx=1\ny=2\n[data]\n1,2,3\n4,5,6\n",
        "x=1\ny=2\n",
        "From: 2024-01-01\nTo: 2024-01-31\nSubject: Statement\n\na,b\n1,2\n3,4\n",
        "From,To,Subject\na@example.com,b@example.com,x\n",
        "Date: 2024-01-01\nFrom: A\nSubject: B\n\na;b\n1;2\n",
        "# Licence\n\n# Source\n\nticket,title,pts\n#101,fix,3\n#102,add,5\n",
        "# a\n\n# b\n\nname\nx\ny\nz\n",
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a}\na b\n1 2\n",
        "---\ntitle: x\nfields:\n  - a\n---\na,b\n1,2\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n",
        "product name\nBolt\nNut\nScrew, long\nNail\nWasher, thin, grey\nPin\n",
        "title\nThe Old Man and the Sea\nA Tale of Two Cities\nWar and Peace\n",
        "It was late.\nThey were at home, and slept.\nNobody knew of it.\nAll was well.\nThe end.\nIt was late again.\n",
        "comment\nThe food was good, and so was the wine. We will come again.\nBad service, cold soup. Never again.\nGood.\n",
        "sentence\nthe cat sat on the mat and looked at the dog\nthe dog looked at the cat and barked at it\nand so on\n",
        "Dear all,\nplease find the file attached, as agreed.\nBest wishes\nA.\n",
        "# Title\n\nSome words on it, and then some more.\n\n- a point\n- another, longer one\n",
        "import,export\n1,2\n3,4\n",
        "import taxes\nexport taxes\nincome taxes\n",
        "class A\nclass B\nclass C\n",
        "function,args\nf(a,b),2\ng(a,b),2\n",
        "BEGIN:VCARD\n",
        "--- a\n+++ b\n1\n2\n",
        "1c1\n2d2\n3\n",
        "a\tb\n{\"a\": 1}\t{\"b\": 2}\n",
        "- a\n- b\n- c\n",
        "#tag\n#other\n#more\n",
        "2024-01-01 10:00:00 INFO started\n2024-01-01 10:00:01 WARN slow\n",
    ] {
        assert_eq!(detect(text.as_bytes(), true), None, "{text}");
    }
}

#[test]
fn a_beginning_is_enough() {
    let row = "INSERT INTO t VALUES (1, 'x');\n";
    let dump = format!("CREATE TABLE t (a int, b text);\n{}", row.repeat(10_000));
    assert_eq!(detect(&dump.as_bytes()[..30_000], false), Some(FileFormat::Sql));
    assert_eq!(detect(dump.as_bytes(), true), Some(FileFormat::Sql));
    let long = format!("INSERT INTO t VALUES\n{}", "(1, 'x'),\n".repeat(10_000));
    assert_eq!(detect(long.as_bytes(), false), Some(FileFormat::Sql));
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "[ -~\\n\\t#:=\\[\\]{}\"';é\u{FFFD}-]{0,300}", whole: bool) {
        let _ = detect(text.as_bytes(), whole);
    }

    #[test]
    fn bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..300), whole: bool) {
        let _ = detect(&bytes, whole);
    }

    #[test]
    fn a_table_is_never_taken_for_something_else(
        rows in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    "[a-zA-Z0-9: .#-]{0,12}",
                    Just("SELECT a FROM t;".to_owned()),
                    Just("{\"a\": 1}".to_owned()),
                    Just("key: value".to_owned()),
                    Just("[x]".to_owned()),
                    Just("- item".to_owned()),
                    Just("a = b".to_owned()),
                    Just("def f():".to_owned()),
                    Just("import os".to_owned()),
                ],
                4,
            ),
            2..20,
        ),
        delimiter in prop::sample::select(vec![",", "\t", "|"]),
    ) {
        let header = ["id", "name", "text", "more"].join(delimiter);
        let lines = rows.iter().map(|row| row.join(delimiter));
        let text = std::iter::once(header).chain(lines).map(|line| line + "\n").collect::<String>();
        prop_assert_eq!(detect(text.as_bytes(), true), None);
    }
}
