export * from "./answers.js";
export * as contracts from "./contracts.js";
export { workers } from "./contracts.js";
export * from "./jobs.js";
