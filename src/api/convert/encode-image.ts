import type { ImageRecord } from "../../image/contract.ts";
import { artifactTypeAnnotation } from "../../spec/artifact.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";

/** CRI Image. The user is that of the config, without its group: an id, or a name when it is no number. */
export function encodeImage(record: ImageRecord): cri.Image {
  const { id, artifact } = record;
  const user = record.config.config.User.split(":")[0] ?? "";
  const numeric = /^[0-9]{1,10}$/.test(user);
  return {
    id,
    repoTags: [...record.tags],
    repoDigests: [...record.digests],
    size: BigInt(record.size),
    uid: numeric ? { value: BigInt(user) } : undefined,
    username: numeric ? "" : user,
    spec:
      artifact &&
      cri.ImageSpec.create({ image: id, annotations: { [artifactTypeAnnotation]: artifact.type } }),
    pinned: record.pinned,
  };
}
