#!/bin/sh
# Makes src/wire/gen from proto/. Needs protoc (Debian: protobuf-compiler). The result is committed, so that neither
# a build nor a test needs it; gen.test.ts compares the checksums written here with the files.
set -eu
cd "$(dirname "$0")"
out=../src/wire/gen
mkdir -p "$out"
options=esModuleInterop=true,importSuffix=.ts,env=both,enumsAsLiterals=true,unrecognizedEnum=false,forceLong=bigint
options=$options,outputServices=grpc-js,oneof=unions-value,useOptionals=none,outputJsonMethods=false
options=$options,snakeToCamel=keys,useExactTypes=false,exportCommonSymbols=false,comments=false
options=$options,annotateFilesWithVersion=false,usePrototypeForDefaults=false
protoc --plugin=../node_modules/.bin/protoc-gen-ts_proto --proto_path=. \
  --ts_proto_out="$out" --ts_proto_opt="$options" ./*.proto
# Calls are made by wire/grpc/client.ts: without the clients of grpc-js, the command need not load it.
sed -i -e '/^export interface [A-Za-z]*Client extends Client {$/,/^}$/d' \
  -e '/^export const [A-Za-z]*Client = makeGenericClientConstructor/,/^};$/d' \
  -e '/^import {$/,/^} from "@grpc/{
    s/^import {$/import type {/
    /Client\|CallOptions\|ChannelCredentials\|Metadata\|ServiceError/d
    s/^  type /  /
  }' "$out"/*.ts
sha256sum ./*.proto generate.sh >"$out/sources.sha256"
