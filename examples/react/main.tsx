/** A chat in React, in one page: `npx vite examples/react`. All of it is in chat.tsx. @module */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./chat.js";

const root = document.getElementById("root");
if (root !== null) createRoot(root).render(<StrictMode><App /></StrictMode>);
