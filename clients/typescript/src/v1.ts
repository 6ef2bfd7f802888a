/** Messages of the protocol `throughline.v1`, generated; the manual is the
 * comments in the `.proto` files. */

export * from "./gen/throughline/v1/context_service_pb.js";
export * from "./gen/throughline/v1/conversation_service_pb.js";
export * from "./gen/throughline/v1/degradation_service_pb.js";
export * from "./gen/throughline/v1/item_service_pb.js";
export * from "./gen/throughline/v1/memory_service_pb.js";
export * from "./gen/throughline/v1/resources_pb.js";
export * from "./gen/throughline/v1/server_service_pb.js";
export * from "./gen/throughline/v1/usage_service_pb.js";
