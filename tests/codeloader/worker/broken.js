require("./nothing_here.js");
