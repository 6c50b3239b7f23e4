source /nothing/here.sh
