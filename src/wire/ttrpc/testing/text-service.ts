import type { MethodDefinition } from "../../grpc/method.ts";
import type { TtrpcHandlers } from "../method.ts";

interface Text {
  readonly text: string;
}

const codec = {
  requestSerialize: ({ text }: Text) => Buffer.from(text),
  requestDeserialize: (bytes: Buffer): Text => ({ text: bytes.toString() }),
  responseSerialize: ({ text }: Text) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer): Text => ({ text: bytes.toString() }),
};

function method<RequestStream extends boolean, ResponseStream extends boolean>(
  name: string,
  requestStream: RequestStream,
  responseStream: ResponseStream,
): MethodDefinition<Text, Text> & { requestStream: RequestStream; responseStream: ResponseStream } {
  return { path: `/berth.Texts/${name}`, requestStream, responseStream, ...codec };
}

/** A service with a method of each kind, whose messages are text. */
export const textService = {
  echo: method("echo", false, false),
  count: method("count", false, true),
  join: method("join", true, false),
  chat: method("chat", true, true),
} as const;

export type Texts = TtrpcHandlers<typeof textService>;

export const textHandlers: Texts = {
  echo: async ({ text }) => ({ text }),
  async *count({ text }) {
    for (let number = 0; number < Number(text); number++) yield { text: String(number) };
  },
  async join(messages) {
    let text = "";
    for await (const message of messages) text += message.text;
    return { text };
  },
  async *chat(messages) {
    for await (const { text } of messages) yield { text: text.toUpperCase() };
  },
};
